import { useEffect, useId, useRef } from "react";
import type { Field, FieldValue, FieldValues } from "../text/fields";

interface Props {
  fields: readonly Field[];
  values: FieldValues;
  /** What is wrong, by field; the first of them gets the focus. */
  problems: Record<string, string>;
  onChange(values: FieldValues): void;
}

/** The fields of a form that was described as data. */
export function Fields({ fields, values, problems, onChange }: Props) {
  const group = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (Object.keys(problems).length) group.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [problems]);
  return (
    <div className="fields" ref={group}>
      {fields.map((field) => (
        <FieldRow
          key={field.name}
          field={field}
          value={values[field.name] ?? ""}
          problem={problems[field.name] ?? ""}
          onChange={(value) => onChange({ ...values, [field.name]: value })}
        />
      ))}
    </div>
  );
}

interface RowProps {
  field: Field;
  value: FieldValue;
  problem: string;
  onChange(value: FieldValue): void;
}

function FieldRow(props: RowProps) {
  const { field, value, problem, onChange } = props;
  const id = useId();
  const described = [field.help ? `${id}-help` : "", problem ? `${id}-problem` : ""].filter(Boolean).join(" ");
  const common = {
    id,
    required: field.required,
    "aria-invalid": Boolean(problem),
    ...(described ? { "aria-describedby": described } : {}),
  };
  const notes = (
    <>
      {field.help ? <span id={`${id}-help`} className="help">{field.help}</span> : null}
      {problem ? <span id={`${id}-problem`} className="field-problem">{problem}</span> : null}
    </>
  );
  if (field.kind === "boolean")
    return (
      <div className="field check">
        <input type="checkbox" {...common} required={false} checked={value === true} onChange={(event) => onChange(event.target.checked)} />
        <label htmlFor={id} dir="auto">{field.label}</label>
        {notes}
      </div>
    );
  if (field.kind === "multiselect") return <Choices {...props} notes={notes} />;
  return (
    <div className="field">
      <label htmlFor={id} dir="auto">
        {field.label}
        {field.required ? null : <span className="optional"> (optional)</span>}
      </label>
      <Input field={field} value={String(value)} common={common} onChange={onChange} />
      {notes}
    </div>
  );
}

function Choices({ field, value, problem, notes, onChange }: RowProps & { notes: React.ReactNode }) {
  const chosen = Array.isArray(value) ? value : [];
  return (
    <fieldset className="field" aria-invalid={Boolean(problem)} tabIndex={-1}>
      <legend dir="auto">{field.label}</legend>
      {field.options.map((option) => (
        <label key={option} className="choice">
          <input
            type="checkbox"
            checked={chosen.includes(option)}
            onChange={(event) => onChange(field.options.filter((one) => (one === option ? event.target.checked : chosen.includes(one))))}
          />
          <bdi>{option}</bdi>
        </label>
      ))}
      {notes}
    </fieldset>
  );
}

interface InputProps {
  field: Field;
  value: string;
  common: { id: string; required: boolean; "aria-invalid": boolean };
  onChange(value: string): void;
}

const TYPES: Partial<Record<Field["kind"], string>> = { date: "date", datetime: "datetime-local", email: "email", secret: "password" };

function Input({ field, value, common, onChange }: InputProps) {
  const change = (event: React.ChangeEvent<HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement>) => onChange(event.target.value);
  if (field.kind === "select")
    return (
      <select {...common} value={value} onChange={change}>
        <option value="">{field.required ? "Choose…" : "None"}</option>
        {field.options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </select>
    );
  if (field.kind === "textarea" || field.kind === "json")
    return (
      <textarea {...common} dir="auto" className={field.kind === "json" ? "code" : ""} rows={field.kind === "json" ? 3 : 4} spellCheck={field.kind !== "json"} value={value} onChange={change} />
    );
  const numeric = field.kind === "number" || field.kind === "integer";
  return (
    <input
      {...common}
      type={TYPES[field.kind] ?? "text"}
      dir="auto"
      {...(numeric ? { inputMode: field.kind === "integer" ? "numeric" : "decimal" } : {})}
      autoComplete={field.kind === "secret" ? "new-password" : "off"}
      value={value}
      onChange={change}
    />
  );
}
